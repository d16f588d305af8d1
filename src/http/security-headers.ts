import helmet from '@fastify/helmet';
import { fastify } from 'fastify';

type Headers = Readonly<Record<string, string>>;

export interface SecurityHeaders {
  readonly data: Headers;
  /** For Swagger UI. */
  readonly docs: Headers;
}

/** For the API: it serves data, of which a browser should run and show nothing. */
const nothing = {
  defaultSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

/** For Swagger UI: its scripts are in files of its own, its styles and pictures partly in the page. */
const ownScripts = {
  ...nothing,
  scriptSrc: ["'self'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
};

/** These mean something for pages only, and each header costs a hit of the cache some time. */
const onlyForPages = {
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  referrerPolicy: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
} as const;

/**
 * The headers that helmet puts on answers. It is asked once: it would make them again for each request, and a hit of the
 * cache does little else.
 */
export async function securityHeaders(): Promise<SecurityHeaders> {
  return { data: await askHelmet(nothing, onlyForPages), docs: await askHelmet(ownScripts) };
}

async function askHelmet(
  directives: Record<string, string[]>,
  options: Partial<typeof onlyForPages> = {},
): Promise<Headers> {
  const probe = fastify();
  await probe.register(helmet, {
    ...options,
    contentSecurityPolicy: { useDefaults: false, directives },
    xFrameOptions: { action: 'deny' },
  });
  probe.get('/', (_request, reply) => reply.code(204).send());
  const { headers } = await probe.inject('/');
  await probe.close();
  const ofTransport = ['date', 'connection'];
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      ofTransport.includes(name) ? [] : [[name, String(value)]],
    ),
  );
}
