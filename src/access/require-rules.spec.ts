import { Controller, Get, Post } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { Access, Public } from './access.decorator.js';
import { requireRules } from './require-rules.js';

@Controller('ruled')
class RuledController {
  @Get()
  @Access({ admin: 'all' })
  list(): string {
    return this.notARoute();
  }

  @Post()
  @Public()
  open(): string {
    return '';
  }

  notARoute(): string {
    return '';
  }
}

@Access({ admin: 'all' })
@Controller('ruled-as-a-whole')
class RuledAsAWholeController {
  @Get()
  list(): string {
    return '';
  }
}

@Controller('silent')
class SilentController {
  @Get()
  list(): string {
    return '';
  }

  @Post()
  create(): string {
    return '';
  }
}

class InheritingController extends SilentController {}
Controller('inheriting')(InheritingController);

@Public()
@Controller('contradictory')
class ContradictoryController {
  @Get()
  @Access({ admin: 'all' })
  list(): string {
    return '';
  }
}

async function check(...controllers: (new () => object)[]): Promise<void> {
  const module = await Test.createTestingModule({ imports: [DiscoveryModule], controllers }).compile();
  requireRules(module.get(DiscoveryService).getControllers());
}

describe('at boot, every route', () => {
  it('passes that says who may call it, or whose controller does', async () => {
    await expect(check(RuledController, RuledAsAWholeController)).resolves.toBeUndefined();
  });

  it('is named that does not', async () => {
    const boot = check(RuledController, SilentController);

    await expect(boot).rejects.toThrow('SilentController.list has neither @Access nor @Public.');
    await expect(boot).rejects.toThrow('SilentController.create has neither @Access nor @Public.');
    await expect(boot).rejects.not.toThrow(/RuledController|notARoute/);
  });

  it('is found where it is inherited', async () => {
    await expect(check(InheritingController)).rejects.toThrow('InheritingController.list has neither');
  });

  it('is named that says two things', async () => {
    await expect(check(ContradictoryController)).rejects.toThrow(
      'ContradictoryController.list has both @Access and @Public.',
    );
  });
});
