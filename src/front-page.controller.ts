import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Public } from './access/access.decorator.js';
import { Environment } from './config/environment.js';
import { service } from './config/service.js';
import { FrontPageDto } from './front-page.dto.js';

@ApiTags('service')
@Public()
@Controller()
export class FrontPageController {
  constructor(private readonly environment: Environment) {}

  /** Says what this is and where to go from here */
  @Get()
  frontPage(): FrontPageDto {
    return {
      name: service.name,
      version: service.version,
      ...(this.environment.API_DOCS_ENABLED
        ? { documentation: '/api/v3/docs', openapi: '/api/v3/openapi.json' }
        : {}),
      health: '/health',
      first_request: '/api/v3/analytics/courses/PROG-101',
    };
  }
}
