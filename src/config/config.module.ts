import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { ConfigurationError, type Variables } from './configuration-error.js';
import { Environment } from './environment.js';
import { readEnvironment, type Use } from './read-environment.js';

/** Makes the validated {@link Environment} injectable everywhere. No setting is read elsewhere. */
@Module({})
export class ConfigurationModule {
  /**
   * @param variables  instead of the process's own and those of the file `.env`
   * @throws {ConfigurationError} naming every bad variable, or the file `.env` if it cannot be read
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
    const nest = await ConfigModule.forRoot({
      ignoreEnvFile: isOurs,
      validatePredefined: !isOurs,
      validate,
    }).catch((error: unknown) => {
      throw unreadableFile(error) ?? error;
    });

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

/** A container that is given a file which there is not gets a folder of that name. */
function unreadableFile(error: unknown): ConfigurationError | undefined {
  const { syscall, code } = error as NodeJS.ErrnoException;
  if (syscall === undefined || code === undefined) return undefined;
  const wrong = `must be a file that can be read (${code}), for example a copy of .env.example`;
  return new ConfigurationError([{ name: '.env', wrong }]);
}
