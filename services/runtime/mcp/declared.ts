/** Whether an agent has declared that it uses something of an MCP server. @param declared `server/name`, `server/*` or `*`. */
export const declares = (declared: readonly string[], id: string): boolean =>
  declared.some((one) => one === '*' || one === id || (one.endsWith('/*') && id.startsWith(one.slice(0, -1))));
