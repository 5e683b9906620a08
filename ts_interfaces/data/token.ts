/**
 * What a token may do: `read` looks, `write` changes routes and certificates, `admin` also manages
 * tokens and the process.
 */
export type TScope = 'read' | 'write' | 'admin';

/** What may be shown of a token: never the secret. */
export interface ITokenInfo {
  id: string;
  name: string;
  scopes: TScope[];
  /** ISO 8601. */
  createdAt: string;
  /** ISO 8601; absent: it does not expire. */
  expiresAt?: string;
  /** ISO 8601; absent: never used. Written at most once a minute. */
  lastUsedAt?: string;
}
