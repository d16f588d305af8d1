interface SwaggerRequest {
  readonly headers: Readonly<Record<string, string | undefined>>;
  body?: unknown;
}

/**
 * Has Swagger UI send lines as they are: the text of a body whose type has `json` in its name it shows and sends in quotes, as
 * JSON. No line begins with a quote, so a body that does is one of those. It is run in the page, with nothing around it.
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
      // Somebody has written over it: it is sent as it is, and refused.
    }
  }
  return request;
};
