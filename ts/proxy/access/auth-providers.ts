import { isDeepStrictEqual } from 'node:util';
import type { IForwardAuthOptions, TAuthProvider } from '../../../ts_interfaces/index.ts';
import type { IClock } from '../../core/clock.ts';
import { DcError } from '../../core/errors.ts';
import type { ILogger } from '../../core/logger.ts';
import type { IAccess } from './access.ts';
import { ForwardAccess } from './forward-access.ts';
import { FunctionAccess } from './function-access.ts';
import { Outage } from './outage.ts';
import { PasswordVerifier } from './password-verifier.ts';

/** What providers are made of. */
export interface IAuthProvidersParts {
  clock: IClock;
  logger: ILogger;
  /** `web.authProviders`. */
  forward?: Readonly<Record<string, IForwardAuthOptions>>;
  /** `hooks.authProviders`. */
  functions?: Readonly<Record<string, TAuthProvider>>;
}

/**
 * The auth providers of a configuration by name, and what all routes share: the verifier of
 * passwords. A new configuration makes a new one from the old one, which keeps what did not
 * change, with its connections and memory. Only the last one is closed.
 */
export class AuthProviders {
  public readonly passwords: PasswordVerifier;
  private readonly byName = new Map<string, IAccess>();

  /** @throws DcError `CONFIG_INVALID` for a bad URL or a name that is given twice. */
  constructor(parts: IAuthProvidersParts, previous?: AuthProviders) {
    const { clock, logger } = parts;
    this.passwords = previous?.passwords ?? new PasswordVerifier(clock);
    for (const [name, provider] of Object.entries(parts.functions ?? {})) {
      const old = previous?.get(name);
      const isSame = old instanceof FunctionAccess && old.provider === provider;
      const outage = new Outage(name, logger);
      this.byName.set(name, isSame ? old : new FunctionAccess(provider, clock, outage));
    }
    for (const [name, options] of Object.entries(parts.forward ?? {})) {
      if (this.byName.has(name)) {
        throw invalid(`web.authProviders.${name}`, 'is also the name of a function', name);
      }
      const old = previous?.get(name);
      const isSame = old instanceof ForwardAccess && isDeepStrictEqual(old.options, options);
      this.byName.set(name, isSame ? old : forwardAccess(name, options, clock, logger));
    }
  }

  /** Names of all providers. */
  get names(): string[] {
    return [...this.byName.keys()];
  }

  get(name: string): IAccess | undefined {
    return this.byName.get(name);
  }

  /** Ends the connections to the providers. */
  close(): void {
    for (const access of this.byName.values()) if (access instanceof ForwardAccess) access.close();
  }
}

function forwardAccess(
  name: string,
  options: IForwardAuthOptions,
  clock: IClock,
  logger: ILogger,
): ForwardAccess {
  try {
    return new ForwardAccess(options, clock, new Outage(name, logger));
  } catch (cause) {
    throw invalid(
      `web.authProviders.${name}.url`,
      'must be a http:// or https:// URL',
      options.url,
      cause,
    );
  }
}

function invalid(path: string, message: string, value: string, cause?: unknown): DcError {
  const problems = [{ path, message, value }];
  return new DcError('CONFIG_INVALID', `Cannot use "${path}": it ${message}`, { problems, cause });
}
