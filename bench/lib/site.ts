import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { nginxHttp, nginxMain } from './nginx.ts';
import { freePorts, type IRunning, loadCore, startPinned } from './processes.ts';
import { waitUntilServing } from './request.ts';

/** Size of the large body. */
export const bigBytes = 1 << 20;
/** Size of the body that is posted and echoed. */
export const echoBytes = 16 << 10;

/** What all proxies share: a folder, a certificate and the two backends, which run on the load core. */
export interface ISite {
  folder: string;
  /** ECDSA P-256, for bench.test, *.bench.test, localhost and 127.0.0.1. */
  keyFile: string;
  certFile: string;
  /** nginx: `/` is small, `/big` is `bigBytes`, `/headers` tells the forwarded headers. */
  filePort: number;
  /** The same by TLS. */
  tlsPort: number;
  /** Sends a POST's body back. */
  echoPort: number;
  stop(): Promise<void>;
}

/** Makes the folder and the certificate and starts the backends. The caller stops it. */
export async function startSite(): Promise<ISite> {
  const folder = mkdtempSync(join(tmpdir(), 'dcrouter-bench-'));
  const keyFile = join(folder, 'key.pem');
  const certFile = join(folder, 'cert.pem');
  makeCertificate(keyFile, certFile);

  const [filePort = 0, echoPort = 0, tlsPort = 0] = await freePorts(3);
  const files = join(folder, 'backend');
  mkdirSync(files);
  writeFileSync(join(files, 'big'), Buffer.alloc(bigBytes, 'x'));
  const config = join(folder, 'backend.conf');
  writeFileSync(
    config,
    backendConfig(folder, files, { plain: filePort, tls: tlsPort, keyFile, certFile }),
  );
  const echo = resolve(import.meta.dirname, '..', 'servers', 'echo.ts');
  const backends: IRunning[] = [
    startPinned(loadCore, ['nginx', '-c', config]),
    startPinned(loadCore, [process.execPath, echo, String(echoPort)]),
  ];
  const startedAt = performance.now();
  for (const [index, port] of [filePort, echoPort].entries()) {
    await waitUntilServing(`http://127.0.0.1:${port}/`, backends[index] as IRunning, startedAt);
  }
  return {
    folder,
    keyFile,
    certFile,
    filePort,
    tlsPort,
    echoPort,
    async stop() {
      await Promise.all(backends.map((backend) => backend.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function makeCertificate(keyFile: string, certFile: string): void {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const names = 'subjectAltName=DNS:bench.test,DNS:*.bench.test,DNS:localhost,IP:127.0.0.1';
  const files = ['-keyout', keyFile, '-out', certFile];
  const subject = ['-subj', '/CN=bench.test', '-addext', names];
  execFileSync(
    'openssl',
    ['req', '-x509', '-nodes', '-days', '30', ...curve, ...files, ...subject],
    {
      stdio: 'pipe',
    },
  );
}

interface IBackend {
  plain: number;
  tls: number;
  keyFile: string;
  certFile: string;
}

function backendConfig(folder: string, files: string, backend: IBackend): string {
  const seen = '$http_x_forwarded_for|$http_x_real_ip|$http_x_forwarded_proto|$http_host';
  return `${nginxMain(folder, 'backend')}
http {
${nginxHttp(folder, 'backend')}
  sendfile on;
  tcp_nopush on;
  default_type application/octet-stream;
  ssl_certificate ${backend.certFile};
  ssl_certificate_key ${backend.keyFile};
  ssl_protocols TLSv1.2 TLSv1.3;
  server {
    listen 127.0.0.1:${backend.plain} backlog=4096;
    listen 127.0.0.1:${backend.tls} ssl backlog=4096;
    location / { return 200 "hello world\\n"; }
    location /headers { return 200 "${seen}"; }
    location = /big { root ${files}; }
  }
}
`;
}
