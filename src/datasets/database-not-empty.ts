/** The database already holds users or courses; the message says what to do. */
export class DatabaseNotEmpty extends Error {
  override readonly name = 'DatabaseNotEmpty';
}
