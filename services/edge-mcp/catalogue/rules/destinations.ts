/** Credentials, and addresses that data is put into. */
import { quoted, type Text } from './texts.ts';

/** The shapes of keys in use: OpenAI and its like, GitHub, Slack, AWS, Google, Hugging Face, JWT, PEM; and a password in a URL. */
const SECRET =
  /\b(sk-|sk_|gh[opsu]_|xox[a-z]-|hf_|gsk_|AKIA|AIza|eyJ[\w-]{5,200}\.eyJ)[\w-]{12,}|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----|\bhttps?:\/\/[^\s/:@]{1,100}:[^\s/@]{1,100}@/;

/** In a query or fragment, or in the host: a path with {id} is how APIs are described. */
const PLACEHOLDER = String.raw`(\{[^{}\s]{1,60}\}|\$\w{2,40}|%7b|<[a-z_ -]{2,40}>|\[[a-z_ -]{2,40}\]|%s)`;
const DATA_IN_URL = new RegExp(
  String.raw`\b(https?|wss?|ftp):\/\/([^\s"'/?#]{0,200}${PLACEHOLDER}|[^\s"'?#]{1,500}[?#][^\s"']{0,200}${PLACEHOLDER})`,
  'i',
);
const IMAGE = /!\[[^\]]{0,200}\]\(\s{0,5}https?:/i;
/** A schema that is elsewhere may become another one unseen. */
const REFERENCE = /\/\$(dynamic)?ref$/i;

export const destinations = (texts: readonly Text[]): string[] =>
  texts.flatMap(({ pointer, text, prose }) => [
    ...(SECRET.test(text) ? [`${pointer} has something that looks like a credential`] : []),
    ...(prose && DATA_IN_URL.test(text)
      ? [`${pointer} has an address that data is to be put into: ${quoted(DATA_IN_URL.exec(text)![0])}`]
      : []),
    ...(prose && IMAGE.test(text)
      ? [`${pointer} has an image of another host, which is fetched where it is shown`]
      : []),
    ...(REFERENCE.test(pointer) && /^[a-z][a-z\d+.-]*:/i.test(text)
      ? [`${pointer} refers to a schema that is elsewhere: ${quoted(text)}`]
      : []),
  ]);
