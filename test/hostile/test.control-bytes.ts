import { refuses } from '../suites/hostile.ts';

const controls = [...Array(32).keys(), 127].filter((code) => ![9, 10, 13].includes(code));
const show = (code: number) => `0x${code.toString(16).padStart(2, '0')}`;

/** A byte that ends a text for one server and is a part of it for the next. */
refuses('control bytes', [
  ...controls.map((code) => ({
    bytes: `GET / HTTP/1.1\r\nHost: a\r\nX: a${String.fromCharCode(code)}b\r\n\r\n`,
    why: `${show(code)} in a value`,
  })),
  ...[0, 1, 8, 9, 11, 12, 27, 31, 127].flatMap((code) => {
    const byte = String.fromCharCode(code);
    return [
      { bytes: `GET /a${byte}b HTTP/1.1\r\nHost: a\r\n\r\n`, why: `${show(code)} in the target` },
      { bytes: `G${byte}T / HTTP/1.1\r\nHost: a\r\n\r\n`, why: `${show(code)} in the method` },
      {
        bytes: `GET / HTTP/1.1${byte}\r\nHost: a\r\n\r\n`,
        why: `${show(code)} behind the version`,
      },
      { bytes: `GET / HTTP/1.1\r\nHo${byte}st: a\r\n\r\n`, why: `${show(code)} in a name` },
      { bytes: `GET / HTTP/1.1\r\nHost: a${byte}b\r\n\r\n`, why: `${show(code)} in the Host` },
    ];
  }),
]);
