import { parseArgs } from 'node:util';
import { ConfigurationError } from '../config/configuration-error.js';
import { mintToken, TokenRefused, type TokenWish } from './mint-token.js';

const usage = `Mints a token for development, signed with AUTH_JWT_SECRET of the environment or of the file .env.

  npm run -s token -- --role teacher --sub TEACH001 [--ttl 8h]

  --role  student, teacher, admin or service
  --sub   code of the user, or name of the service
  --ttl   how long it is valid: 30m, 8h (default), 7d; 30 days at most

The token alone goes to standard output:
  curl -H "Authorization: Bearer $(npm run -s token -- --role admin --sub ADMIN001)" localhost:8000/api/v3/system/stats`;

function wishOf(words: string[]): TokenWish | undefined {
  const { values } = parseArgs({
    args: words,
    options: {
      role: { type: 'string' },
      sub: { type: 'string' },
      ttl: { type: 'string', default: '8h' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  return { role: values.role ?? '', sub: values.sub ?? '', ttl: values.ttl };
}

async function main(): Promise<void> {
  const wish = wishOf(process.argv.slice(2));
  if (wish === undefined) {
    console.log(usage);
    return;
  }
  // Loaded only now: a wrong option is answered at once.
  const { ConfigurationModule } = await import('../config/config.module.js');
  const { environment } = await ConfigurationModule.forRoot();
  console.log(await mintToken(environment, wish));
}

function isExpected(error: unknown): error is Error {
  const isBadOption =
    error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  return isBadOption || error instanceof TokenRefused || error instanceof ConfigurationError;
}

main().catch((error: unknown) => {
  if (!isExpected(error)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 1;
});
