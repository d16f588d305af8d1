const operational = /^\/(?:health|metrics)(?:[/?]|$)/;

/** Whether operators and orchestrators ask: they are answered even while others are refused. */
export function isOperational({ url }: { readonly url: string }): boolean {
  return operational.test(url);
}
