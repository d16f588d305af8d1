/** What this program is called; `version` is that of package.json, held against it by a test. */
export const service = {
  name: 'ai-native-backend',
  version: '0.1.0',
  architecture: 'NestJS on Fastify, PostgreSQL, Redis',
} as const;
