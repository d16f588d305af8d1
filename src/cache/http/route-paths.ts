import { Injectable, VersioningType } from '@nestjs/common';
import { MODULE_PATH } from '@nestjs/common/internal';
import { ApplicationConfig, DiscoveryService, ModulesContainer } from '@nestjs/core';

/** Where the application puts its routes: what stands before and beside the paths of their own decorators. */
@Injectable()
export class RoutePaths {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly modules: ModulesContainer,
    private readonly application: ApplicationConfig,
  ) {}

  /** All paths of a route from the root, such as `/api/v3/users/:id`, without versions; the first is the usual one. */
  of(controller: object, method: object): string[] {
    const bases = pathsOf(controller);
    const own = pathsOf(method);
    return this.#before(controller).flatMap((before) =>
      bases.flatMap((base) => own.map((path) => joined(before, base, path))),
    );
  }

  /** In lower case, the request headers by which versions of one path are told apart. */
  get versionHeaders(): string[] {
    const versioning = this.application.getVersioning();
    if (versioning?.type === VersioningType.HEADER) return [versioning.header.toLowerCase()];
    return versioning?.type === VersioningType.MEDIA_TYPE ? ['accept'] : [];
  }

  #before(controller: object): string[] {
    const prefix = this.application.getGlobalPrefix();
    const { exclude = [] } = this.application.getGlobalPrefixOptions();
    const wrappers = this.discovery.getControllers().filter(({ metatype }) => metatype === controller);
    const ofModules = wrappers.map(({ host }) => this.#pathOfModule(host?.metatype));
    if (ofModules.length === 0) ofModules.push('');
    const prefixed = ofModules.map((path) => joined(prefix, path));
    return exclude.length > 0 ? [...prefixed, ...ofModules] : prefixed;
  }

  #pathOfModule(module: object | undefined): string {
    const keys = [MODULE_PATH + this.modules.applicationId, MODULE_PATH];
    const paths = keys.map((key) => module && (Reflect.getMetadata(key, module) as string | undefined));
    return paths.find((path) => path !== undefined) ?? '';
  }
}

/** For each of the paths the names of its parameters, in the order of the path. */
export function pathParameters(paths: readonly string[]): string[][] {
  return paths.map((path) => {
    const found = withoutPatterns(path).matchAll(/:(?:"([^"]*)"|([\p{ID_Start}$_][\p{ID_Continue}$]*))/gu);
    return [...new Set([...found].map(([, quoted, name = '']) => quoted ?? name))];
  });
}

/** Without escaped colons, and without what parameters must look like. */
function withoutPatterns(path: string): string {
  // What stands behind goes on: `:id\\:cancel` has the parameter `id`.
  const bare = path.replace(/\\.|::/g, '/');
  const innermost = /\([^()]*\)/g;
  let shorter = bare.replace(innermost, '/');
  for (let before = bare; shorter !== before;) {
    before = shorter;
    shorter = before.replace(innermost, '/');
  }
  return shorter;
}

function pathsOf(holder: object): string[] {
  return [(Reflect.getMetadata('path', holder) ?? '') as string | string[]].flat();
}

function joined(...parts: readonly string[]): string {
  return `/${parts
    .flatMap((part) => part.split('/'))
    .filter(Boolean)
    .join('/')}`;
}
