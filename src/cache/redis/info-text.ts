/** @param info  the text of Redis's `INFO`, or of `CLUSTER INFO` */
export function parseInfoText(info: string): ReadonlyMap<string, string> {
  return new Map(info.split('\r\n').map((line) => line.split(':', 2) as [string, string]));
}
