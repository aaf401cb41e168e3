/** What is shown of the log, without its secrets. */
import fc from 'fast-check';
import { redaction, redactionOf } from '../../services/runtime/redaction.ts';
import { holds, type Target } from '../target.ts';

const SECRET = 'correct-horse-battery-staple';
const KEY = 'sk-parley-0123456789abcdef';
const own = redactionOf({ fields: ['pin code'], patterns: ['\\bACME-\\d+'] });

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

export const target: Target = {
  name: 'redaction',
  dictionary: [
    ...['"password":', '"api_key":"', 'token=', 'Authorization: Bearer ', 'authorization":"Basic ', 'sk-', 'AKIA'],
    ...[
      'eyJabc.eyJabc.',
      '-----BEGIN RSA PRIVATE KEY-----',
      '-----END RSA PRIVATE KEY-----',
      '://user:pass@host',
      '\\"',
    ],
    ...['{"a":"{\\"token\\":\\"x\\"}"}', '[redacted]', 'secret: ', "'", '"', '\\', '__proto__', 'ACME-1', 'pin-code: '],
  ],
  structured: fc
    .oneof(fc.json(), fc.string(), fc.dictionary(fc.constantFrom('password', 'aToken', 'x', 'pin'), fc.jsonValue()))
    .map((one) => Buffer.from(typeof one === 'string' ? one : JSON.stringify(one))),
  run: (bytes) => {
    const text = bytes.toString();
    for (const rules of [redaction, own]) {
      holds(typeof rules.text(text) === 'string', 'of text there is text left');
      holds(rules.bytes(bytes) instanceof Buffer, 'of bytes there are bytes left');
      const given = jsonOf(text);
      const clean = JSON.stringify(
        rules.value({ given, password: SECRET, deep: [{ db_password: given, token: SECRET }] }),
      );
      holds(text.includes(SECRET) || !clean.includes(SECRET), 'a field that is a secret is not shown', () => clean);
      const beside = rules.value({ given, said: `with ${KEY} and` });
      holds(text.includes(KEY) || !JSON.stringify(beside).includes(KEY), 'a key is not shown, whatever is beside it');
      if (isPlain(text))
        holds(!rules.text(`${text} ${KEY}`).includes(KEY), 'a key is not shown, whatever is before it', () => text);
    }
  },
};

/** What is no beginning of JSON, in which the key would be outside of any string. */
const isPlain = (text: string) => !text.includes(KEY.slice(0, 3));
