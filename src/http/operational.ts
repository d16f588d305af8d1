const operational = /^\/(?:health|metrics)(?:[/?]|$)/;

/** What operators and orchestrators ask is answered as long as anything is. */
export function isOperational({ url }: { readonly url: string }): boolean {
  return operational.test(url);
}
