/** Texts that speak to the model instead of describing something: what tool poisoning is made of. */
import { asRead, quoted, type Text } from './texts.ts';

/** A pattern, of a text as it reads, and what is said of it. Quantifiers are bounded: texts are hostile. */
type Rule = readonly [pattern: RegExp, says: string];

const RULES: readonly Rule[] = [
  [
    /\b(ignore|disregard|forget|override|bypass)\b[^.!?]{0,40}\b(previous|prior|above|earlier|preceding|existing|all|any|other|system|safety)\b[^.!?]{0,30}\b(instructions?|prompts?|rules?|guidelines?|directions?|policies|policy|safeguards?|restrictions?)\b/,
    'tells the model to set its instructions aside',
  ],
  [
    /\b(do not|don['’]?t|never|must not|should not|without|avoid)\b.{0,20}\b(tell|telling|inform|informing|mention|mentioning|reveal|revealing|disclose|disclosing|alert|alerting|warn|warning|show|showing|notify|ask|asking)\b.{0,30}\b(user|users|human|humans|person|operator|anyone|anybody)\b/,
    'tells the model to keep something from the user',
  ],
  [
    /\b(tell|inform|assure) the (user|human)\b.{0,60}\b(nothing|only|instead|harmless|safe|just)\b/,
    'tells the model what to make the user believe',
  ],
  [
    /<\s{0,5}\/?\s{0,5}(important|system|instructions?|secret|hidden|admin|critical|assistant|attention|mandatory)(\s[^<>]{0,40})?\/?>|<\|[a-z_]{2,20}\|>|\[\/?inst\]|<<\/?sys>>|^\s*#{1,6} ?(system|assistant) ?:/,
    'has marks that set instructions apart, as prompts do',
  ],
  [
    /\b(before|prior to|whenever|when|while|after|each time|every time|in order to)\b.{0,20}\b(us(e|ing)|call(ing)?|invok(e|ing)|run(ning)?|execut(e|ing))\b.{0,20}\b(this|it|any|every|other|another|the)\b.{0,120}\b(read|open|cat|load|access|send|upload|pass|include|attach|copy|paste|append|forward|provide)\b.{0,60}(~\/|\/etc\/|\.ssh|\.env\b|\.json\b|\b(configs?|configuration|credentials?|passwords?|tokens?|secrets?|keys?|conversation|history|transcript|prompt|contents? of)\b)/,
    'makes it a condition of its use that the model reads or hands over something else',
  ],
  [
    /~\/\.(ssh|aws|gnupg|kube|netrc|npmrc|cursor|claude|config\/gcloud)\b|\bid_(rsa|ed25519|ecdsa)\b|\.aws\/credentials|\/etc\/(passwd|shadow)|\bmcp\.json\b|\bkeychain\b/,
    'speaks of a place where secrets are kept',
  ],
  [
    /\b(system prompt|developer message|hidden instructions?|(new|real|actual|true|updated) (system )?instructions? ?:|developer mode|jailbreak|you are now (a|an|the|in)\b|from now on,? you|as an ai (language )?model)/,
    'uses phrases by which a model is given another task',
  ],
  [
    /\b(before|instead of|in place of|prior to)\b (using |calling |running |invoking )?(any|all|every|each)( of the)? other\b.{0,20}\btools?\b|\b(all|any|every|other) (other )?tools\b.{0,40}\b(must|should|are (deprecated|broken|unsafe|forbidden)|no longer)\b/,
    'puts itself before the tools of others',
  ],
  [
    /\b(send|forward|upload|post|exfiltrate|transmit|copy|bcc|cc)\b.{0,60}\b(conversation|chat history|transcript|system prompt|credentials?|passwords?|api keys?|private keys?|secrets?|environment variables?)\b.{0,60}\b(to|at|via)\b/,
    'tells the model to send away what is confidential',
  ],
];

/** A sentence for each rule and place that is tripped. */
export const injectedInstructions = (texts: readonly Text[]): string[] =>
  texts.flatMap(({ pointer, text }) => {
    const read = asRead(text);
    return RULES.flatMap(([pattern, says]) => {
      const found = pattern.exec(read);
      return found ? [`${pointer} ${says}: ${quoted(found[0])}`] : [];
    });
  });
