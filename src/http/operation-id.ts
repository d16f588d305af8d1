/**
 * What the description of the API calls a route, and generated clients its method: `usersList`. A handler called as its
 * controller, such as `courseAnalyticsAt`, has that said already.
 */
export function operationId(controller: string, handler: string): string {
  const subject = changeFirst(controller.replace(/Controller$/, ''), (letter) => letter.toLowerCase());
  if (handler.startsWith(subject)) return handler;
  return subject + changeFirst(handler, (letter) => letter.toUpperCase());
}

function changeFirst(word: string, change: (letter: string) => string): string {
  return change(word.slice(0, 1)) + word.slice(1);
}
