import { isObject, parseObject } from '../../services/edge-llm/openai/json.ts';

/** Whether a body is an error as OpenAI's interface defines it. */
export const isErrorBody = (body: string): boolean => {
  const error = parseObject(body)?.error;
  if (!isObject(error)) return false;
  const isText = (value: unknown) => typeof value === 'string';
  const isTextOrNull = (value: unknown) => value === null || isText(value);
  return isText(error.message) && isText(error.type) && isTextOrNull(error.param) && isTextOrNull(error.code);
};

/** Whether it is a refusal or a failure with such a body. */
export const isErrorAnswer = ({ status, body }: { status: number; body: Buffer }): boolean =>
  status >= 400 && status <= 599 && isErrorBody(body.toString());
