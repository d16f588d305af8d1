interface SwaggerRequest {
  readonly headers: Readonly<Record<string, string | undefined>>;
  body?: unknown;
}

/**
 * Makes Swagger UI send lines as they are. It shows and sends the text of a body in quotes, as JSON, if its type has `json` in
 * its name. No line begins with a quote, so a body that does is such a text. Runs in the page, without anything around it.
 */
export const unquoteLines = (request: SwaggerRequest): SwaggerRequest => {
  const { body, headers } = request;
  if (
    headers['Content-Type'] === 'application/x-ndjson' &&
    typeof body === 'string' &&
    body.startsWith('"')
  ) {
    try {
      request.body = JSON.parse(body);
    } catch {
      // It was edited, and is no JSON any more: it is sent as it is, and refused.
    }
  }
  return request;
};
