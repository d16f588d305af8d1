/** What whoever fills a database should know about services that run on it. */
export const whenItShows =
  'A running service shows it within seconds; one without Redis may answer from its memory for an hour, or until a restart.';
