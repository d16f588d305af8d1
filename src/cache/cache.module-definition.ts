import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { CacheModuleOptions } from './cache.options.js';

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<CacheModuleOptions>({
    // Nest's message tells it where the module is imported as it is.
    optionsInjectionToken: 'CacheModule.forRoot',
  })
    .setClassMethodName('forRoot')
    .build();
