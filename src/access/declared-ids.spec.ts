import { Body, createParamDecorator, Param, Query, RawBody, Req } from '@nestjs/common';
import { Expose, Transform, Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, ValidateNested } from 'class-validator';
import type { RoutePlaces } from '../http/per-route.js';
import { toNumber } from '../http/to-number.js';
import { declaredSources, givesNoId } from './declared-ids.js';
import { idNames } from './id-names.js';

class Filter {
  @IsOptional()
  @IsString()
  course_id?: string;

  @IsString()
  sort!: string;
}

class WiderFilter extends Filter {
  @IsString()
  student_id!: string;
}

class Inner {
  @IsString()
  student_id!: string;
}

class Outer {
  @IsString()
  activity_id!: string;

  @ValidateNested({ each: true })
  @Type(() => Inner)
  members!: Inner[];
}

class Renamed {
  @Expose({ name: 'student_id' })
  @IsString()
  person!: string;
}

class Transformed {
  @Transform(({ obj }) => (obj as Inner).student_id)
  @IsString()
  person!: string;
}

class Counted {
  @IsOptional()
  @IsString()
  course_id?: string;

  @Transform(toNumber(Number))
  @IsInt()
  limit!: number;
}

class CountedId {
  @Transform(toNumber(Number))
  @IsInt()
  user_id!: number;
}

const Whatever = createParamDecorator(() => undefined);
const Caller = createParamDecorator(givesNoId(() => undefined));

class Routes {
  nothing(@Param('course_id') _id: string, @Caller() _caller: unknown) {
    return undefined;
  }
  byName(@Query('course_id') _course: string, @Query('sort') _sort: string, @Body('user_id') _user: string) {
    return undefined;
  }
  byClass(@Query() _query: WiderFilter, @Body() _body: Inner) {
    return undefined;
  }
  nested(@Body() _body: Outer, @Query('filter') _filter: Filter) {
    return undefined;
  }
  wholeQuery(@Query('') _query: object) {
    return undefined;
  }
  request(@Req() _request: unknown) {
    return undefined;
  }
  raw(@RawBody() _body: Buffer) {
    return undefined;
  }
  custom(@Whatever() _whatever: unknown) {
    return undefined;
  }
  renamed(@Body() _body: Renamed) {
    return undefined;
  }
  transformed(@Body() _body: Transformed) {
    return undefined;
  }
  counted(@Query() _query: Counted) {
    return undefined;
  }
  countedId(@Query() _query: CountedId) {
    return undefined;
  }
}

class InheritingRoutes extends Routes {}

const sources = (name: keyof Routes, controller: typeof Routes = Routes) =>
  declaredSources([controller.prototype[name], controller] as RoutePlaces);

const none = { own: [], nested: [] };
const all = { own: idNames, nested: [] };

describe('the ids that a route reads of query and body', () => {
  it('are none where it takes only its path, and who calls', () => {
    expect(sources('nothing')).toEqual({ query: none, body: none });
  });

  it('are those that its parameters name', () => {
    expect(sources('byName')).toEqual({
      query: { own: ['course_id'], nested: [] },
      body: { own: ['user_id'], nested: [] },
    });
  });

  it('are those of the classes that validation holds them to, inherited ones too', () => {
    expect(sources('byClass')).toEqual({
      query: { own: ['course_id', 'student_id'], nested: [] },
      body: { own: ['student_id'], nested: [] },
    });
  });

  it('are no more where a field is read as a number, unless that is an id', () => {
    expect(sources('counted')).toEqual({ query: { own: ['course_id'], nested: [] }, body: none });
    expect(sources('countedId')).toEqual({ query: all, body: none });
  });

  it('are looked for in the fields that hold objects', () => {
    expect(sources('nested')).toEqual({
      query: { own: [], nested: ['filter'] },
      body: { own: ['activity_id'], nested: ['members'] },
    });
  });

  it('are the same where the handler is inherited', () => {
    expect(sources('byName', InheritingRoutes)).toEqual(sources('byName'));
  });

  it.each(['request', 'raw', 'custom'] as const)('are all there may be where it takes the %s', (name) => {
    expect(sources(name)).toEqual({ query: all, body: all });
  });

  it('are all that the query may hold where it takes it as it is', () => {
    expect(sources('wholeQuery')).toEqual({ query: all, body: none });
  });

  it.each(['renamed', 'transformed'] as const)('are all there may be where a field is %s', (name) => {
    expect(sources(name)).toEqual({ query: none, body: all });
  });

  it('are all there may be of a handler that its controller does not have', () => {
    expect(declaredSources([() => undefined, Routes] as unknown as RoutePlaces)).toEqual({
      query: all,
      body: all,
    });
  });
});
