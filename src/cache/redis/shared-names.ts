/** Where invalidations are published, as a JSON list of tags. */
export function channelOf(namespace: string): string {
  return `${namespace}cache:invalidated`;
}

/** The key of the token of a tag. */
export function tokenKeyOf(namespace: string, tag: string): string {
  return `${namespace}token:${tag}`;
}
