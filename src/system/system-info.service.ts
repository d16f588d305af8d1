import { Injectable } from '@nestjs/common';
import { TokenVerifier } from '../access/token.verifier.js';
import { CacheService } from '../cache/index.js';
import { Environment } from '../config/environment.js';
import { service } from '../config/service.js';
import type { SystemInfoDto } from './system-info.dto.js';

/** Says what runs here, without any address or secret. */
@Injectable()
export class SystemInfoService {
  constructor(
    private readonly environment: Environment,
    private readonly cache: CacheService,
    private readonly tokens: TokenVerifier,
  ) {}

  info(): SystemInfoDto {
    return {
      app_name: service.name,
      version: service.version,
      architecture: service.architecture,
      debug_mode: this.environment.DEBUG,
      features: {
        analytics: true,
        student_tutor: false,
        teacher_tools: true,
        authentication: !this.tokens.isOpen,
      },
      configuration: {
        database: 'PostgreSQL',
        cache: this.cache.stats().store,
        llm_provider: this.environment.LLM_PROVIDER ?? null,
      },
    };
  }
}
