import { parseArgs } from 'node:util';
import { runCommand, success, type Outcome } from '../command/run-command.js';
import { mintToken, type TokenWish } from './mint-token.js';

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

async function main(words: string[]): Promise<Outcome> {
  const wish = wishOf(words);
  if (wish === undefined) return success(usage);
  // Loaded only now: a wrong option is answered at once.
  const { ConfigurationModule } = await import('../config/config.module.js');
  const { environment } = await ConfigurationModule.forRoot(undefined, { isServing: false });
  return success(await mintToken(environment, wish));
}

await runCommand(main, { usage });
