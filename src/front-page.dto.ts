/** What this service is, and where to go from here; the addresses are paths on this host. */
export class FrontPageDto {
  /**
   * Name of the service
   * @example "ai-native-backend"
   */
  name!: string;

  /**
   * Version of the service
   * @example "0.1.0"
   */
  version!: string;

  /**
   * The API to read and to try, for a browser; absent if API_DOCS_ENABLED is off
   * @example "/api/v3/docs"
   */
  documentation?: string;

  /**
   * The API's description for programs, OpenAPI 3.1; absent if API_DOCS_ENABLED is off
   * @example "/api/v3/openapi.json"
   */
  openapi?: string;

  /**
   * Health of the service
   * @example "/health"
   */
  health!: string;

  /**
   * A request worth trying first
   * @example "/api/v3/analytics/courses/PROG-101"
   */
  first_request!: string;
}
