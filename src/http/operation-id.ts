/**
 * The name of a route in the description of the API, and of its method in generated clients: `usersList`. If the handler's
 * name begins with the controller's, such as `courseAnalyticsAt`, that is not repeated.
 */
export function operationId(controller: string, handler: string): string {
  const subject = changeFirst(controller.replace(/Controller$/, ''), (letter) => letter.toLowerCase());
  if (handler.startsWith(subject)) return handler;
  return subject + changeFirst(handler, (letter) => letter.toUpperCase());
}

function changeFirst(word: string, change: (letter: string) => string): string {
  return change(word.slice(0, 1)) + word.slice(1);
}
