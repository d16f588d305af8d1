/** What this service offers. */
export class SystemFeatures {
  /**
   * Analytics of courses and students
   * @example true
   */
  analytics!: boolean;

  /**
   * Conversations with a tutor; this service records tutor sessions, it does not hold them
   * @example false
   */
  student_tutor!: boolean;

  /**
   * Rosters, activities and grades for teachers
   * @example true
   */
  teacher_tools!: boolean;

  /**
   * Whether callers must show a token; false only while access is open in development
   * @example true
   */
  authentication!: boolean;
}

/** What this service is built on. */
export class SystemConfiguration {
  /**
   * Kind of database
   * @example "PostgreSQL"
   */
  database!: string;

  /**
   * Where answers are cached: `redis`, `memory` of this process, or `none` when switched off
   * @example "redis"
   */
  cache!: string;

  /**
   * Language model behind the tutor, as configured; null if none is
   * @example "ollama"
   */
  llm_provider!: string | null;
}

/** What runs here. */
export class SystemInfoDto {
  /**
   * Name of the service
   * @example "ai-native-backend"
   */
  app_name!: string;

  /**
   * Version of the service
   * @example "0.1.0"
   */
  version!: string;

  /**
   * How the service is built
   * @example "NestJS on Fastify, PostgreSQL, Redis"
   */
  architecture!: string;

  /**
   * Whether it runs with DEBUG set
   * @example false
   */
  debug_mode!: boolean;

  /** What it offers */
  features!: SystemFeatures;

  /** What it is built on */
  configuration!: SystemConfiguration;
}
