import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
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

@Access({ admin: 'all', teacher: 'own' })
@Controller('books')
class NamelessController {
  @Get(':id')
  book(@Param('id') id: string): string {
    return id;
  }

  @Get()
  @Access({ admin: 'all', teacher: 'listed' })
  list(): string {
    return '';
  }

  @Post()
  @Access({ teacher: 'own' }, { creates: 'course_id' })
  create(@Body('course_id') id: string): string {
    return id;
  }

  @Get(['courses/:course_id', 'all'])
  ofSome(): string {
    return '';
  }
}

@Access({ teacher: 'own' })
@Controller('courses/:course_id')
class OfCoursesController {
  @Get('books')
  inPathOfController(): string {
    return '';
  }
}

@Access({ teacher: 'own' })
@Controller('books')
class NamingController {
  @Get('activities/:activity_id')
  inPath(): string {
    return '';
  }

  @Get('of')
  inQuery(@Query('student_id') id: string): string {
    return id;
  }

  @Post()
  inBody(@Body() body: Record<string, string>): string {
    return body.course_id ?? '';
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

  it('is named that lets people at their own by ids that nobody knows, in one of its paths too', async () => {
    const boot = check(NamelessController);

    await expect(boot).rejects.toThrow("NamelessController.book gives 'own', and reads no id");
    await expect(boot).rejects.toThrow("NamelessController.create gives 'own'");
    await expect(boot).rejects.toThrow("NamelessController.ofSome gives 'own'");
    await expect(boot).rejects.not.toThrow(/NamelessController.list/);
  });

  it('passes that has an id in its path, its query or its body', async () => {
    await expect(check(OfCoursesController, NamingController)).resolves.toBeUndefined();
  });

  it('is named that says two things', async () => {
    await expect(check(ContradictoryController)).rejects.toThrow(
      'ContradictoryController.list has both @Access and @Public.',
    );
  });
});
