/** A line of the report on who keeps what and who invalidates it, when the application starts. */
export interface GraphEvent {
  readonly event: 'cache.graph';
  readonly line: string;
}
