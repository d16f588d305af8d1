import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import type { Variables } from './configuration-error.js';
import { Environment } from './environment.js';
import { readEnvironment, type Use } from './read-environment.js';

/** Makes the validated {@link Environment} injectable everywhere. No setting is read elsewhere. */
@Module({})
export class ConfigurationModule {
  /**
   * @param variables  instead of the process's own and those of the file `.env`
   * @throws {ConfigurationError} naming every bad variable
   */
  static async forRoot(
    variables?: Variables,
    use?: Use,
  ): Promise<{ environment: Environment; module: DynamicModule }> {
    let environment = new Environment();
    // Wrapped in an object, because @nestjs/config copies every text at the top level into process.env.
    const validate = (found: Variables) => ({
      environment: (environment = readEnvironment(variables ?? found, use)),
    });
    const isOurs = variables !== undefined;
    const nest = await ConfigModule.forRoot({ ignoreEnvFile: isOurs, validatePredefined: !isOurs, validate });

    const provider = {
      provide: Environment,
      useFactory: (config: ConfigService) => config.getOrThrow<Environment>('environment'),
      inject: [ConfigService],
    };
    const module = {
      module: ConfigurationModule,
      global: true,
      imports: [nest],
      providers: [provider],
      exports: [Environment],
    };
    return { environment, module };
  }
}
