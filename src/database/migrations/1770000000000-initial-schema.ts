import type { MigrationInterface, QueryRunner } from 'typeorm';

export class InitialSchema1770000000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE users (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        code text NOT NULL CONSTRAINT users_code_key UNIQUE,
        email text,
        full_name text,
        role text NOT NULL CHECK (role IN ('student', 'teacher', 'admin')),
        is_active boolean NOT NULL DEFAULT true,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        deleted_at timestamptz
      );
      CREATE UNIQUE INDEX users_email_key ON users (lower(email)) WHERE email IS NOT NULL;

      CREATE TABLE courses (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        code text NOT NULL CONSTRAINT courses_code_key UNIQUE,
        name text NOT NULL,
        starts_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL,
        pass_mark numeric(5,2) NOT NULL DEFAULT 60 CHECK (pass_mark BETWEEN 0 AND 100),
        is_active boolean NOT NULL DEFAULT true,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT courses_dates_check CHECK (ends_at > starts_at)
      );

      CREATE TABLE enrollments (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        user_id bigint NOT NULL REFERENCES users,
        course_id bigint NOT NULL REFERENCES courses,
        role text NOT NULL DEFAULT 'student' CHECK (role IN ('student', 'teacher', 'ta', 'observer')),
        status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'completed', 'failed', 'dropped')),
        enrolled_at timestamptz NOT NULL DEFAULT now(),
        ended_at timestamptz,
        final_result text CHECK (final_result IN ('pass', 'fail', 'withdrawn', 'distinction')),
        prior_attempts smallint NOT NULL DEFAULT 0 CHECK (prior_attempts >= 0),
        CONSTRAINT enrollments_user_course_role_key UNIQUE (user_id, course_id, role)
      );
      CREATE INDEX enrollments_active_students ON enrollments (course_id) WHERE role = 'student' AND status = 'active';
      CREATE INDEX enrollments_course ON enrollments (course_id);

      CREATE TABLE activities (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        code text NOT NULL CONSTRAINT activities_code_key UNIQUE,
        course_id bigint NOT NULL REFERENCES courses,
        title text NOT NULL,
        kind text NOT NULL CHECK (kind IN ('exercise', 'assignment', 'quiz', 'exam')),
        status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'archived')),
        points numeric(8,2) NOT NULL DEFAULT 100 CHECK (points > 0),
        weight numeric(8,3) NOT NULL DEFAULT 1 CHECK (weight >= 0),
        opens_at timestamptz,
        due_at timestamptz,
        is_required boolean NOT NULL DEFAULT true,
        created_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX activities_published ON activities (course_id, due_at) WHERE status = 'published';
      CREATE INDEX activities_course ON activities (course_id);

      CREATE TABLE submissions (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        user_id bigint NOT NULL REFERENCES users,
        activity_id bigint NOT NULL REFERENCES activities,
        attempt_no integer NOT NULL CHECK (attempt_no > 0),
        submitted_at timestamptz NOT NULL,
        due_at_effective timestamptz,
        status text NOT NULL DEFAULT 'submitted' CHECK (status IN ('submitted', 'graded', 'banked', 'voided')),
        score numeric(5,2) CHECK (score BETWEEN 0 AND 100),
        graded_at timestamptz,
        graded_by bigint REFERENCES users,
        is_final boolean NOT NULL DEFAULT true,
        client_id uuid CONSTRAINT submissions_client_id_key UNIQUE,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT submissions_attempt_key UNIQUE (user_id, activity_id, attempt_no)
      );
      CREATE INDEX submissions_activity ON submissions (activity_id, user_id);
      CREATE INDEX submissions_user_recent ON submissions (user_id, submitted_at DESC);

      CREATE TABLE grade_changes (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        submission_id bigint NOT NULL REFERENCES submissions,
        actor_id bigint REFERENCES users,
        old_score numeric(5,2),
        new_score numeric(5,2),
        reason text,
        created_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX grade_changes_submission ON grade_changes (submission_id);

      CREATE TABLE tutor_sessions (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        code text NOT NULL CONSTRAINT tutor_sessions_code_key UNIQUE,
        user_id bigint NOT NULL REFERENCES users,
        course_id bigint NOT NULL REFERENCES courses,
        activity_id bigint REFERENCES activities,
        mode text NOT NULL DEFAULT 'tutor',
        started_at timestamptz NOT NULL,
        last_event_at timestamptz NOT NULL,
        ended_at timestamptz,
        message_count integer NOT NULL DEFAULT 0,
        hint_count integer NOT NULL DEFAULT 0,
        client_id uuid CONSTRAINT tutor_sessions_client_id_key UNIQUE
      );
      CREATE INDEX tutor_sessions_user_recent ON tutor_sessions (user_id, started_at DESC);
      CREATE INDEX tutor_sessions_course ON tutor_sessions (course_id, started_at);
      CREATE INDEX tutor_sessions_started ON tutor_sessions (started_at);
      CREATE INDEX tutor_sessions_open ON tutor_sessions (started_at) WHERE ended_at IS NULL;

      CREATE TABLE tutor_messages (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        session_id bigint NOT NULL REFERENCES tutor_sessions,
        sender text NOT NULL CHECK (sender IN ('student', 'tutor')),
        sent_at timestamptz NOT NULL,
        kind text NOT NULL CHECK (kind IN ('question', 'hint', 'code_request', 'answer', 'other')),
        length integer NOT NULL DEFAULT 0 CHECK (length >= 0),
        content text,
        client_id uuid CONSTRAINT tutor_messages_client_id_key UNIQUE
      );
      CREATE INDEX tutor_messages_session ON tutor_messages (session_id, sent_at);

      CREATE TABLE events (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        user_id bigint NOT NULL REFERENCES users,
        course_id bigint NOT NULL REFERENCES courses,
        activity_id bigint REFERENCES activities,
        session_id bigint REFERENCES tutor_sessions,
        verb text NOT NULL,
        occurred_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now(),
        quantity integer NOT NULL DEFAULT 1 CHECK (quantity > 0),
        client_id uuid NOT NULL CONSTRAINT events_client_id_key UNIQUE,
        source text NOT NULL DEFAULT 'api',
        data jsonb
      );
      CREATE INDEX events_course_user ON events (course_id, user_id, occurred_at);
      CREATE INDEX events_occurred ON events USING brin (occurred_at);

      CREATE TABLE activity_days (
        user_id bigint NOT NULL REFERENCES users,
        course_id bigint NOT NULL REFERENCES courses,
        day date NOT NULL,
        events integer NOT NULL DEFAULT 0,
        quantity integer NOT NULL DEFAULT 0,
        minutes integer NOT NULL DEFAULT 0,
        first_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        PRIMARY KEY (user_id, course_id, day)
      );
      CREATE INDEX activity_days_course ON activity_days (course_id, day);
      CREATE INDEX activity_days_day ON activity_days (day);

      CREATE TABLE system_counters (
        name text NOT NULL,
        shard smallint NOT NULL,
        value bigint NOT NULL,
        PRIMARY KEY (name, shard)
      );

      CREATE TABLE idempotency_keys (
        scope text NOT NULL,
        key text NOT NULL,
        request_hash text NOT NULL,
        status_code integer,
        response jsonb,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (scope, key)
      );
      CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

      CREATE TABLE cache_outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tags text[] NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );

      CREATE TABLE import_batches (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        format text NOT NULL,
        file text NOT NULL,
        sha256 text NOT NULL,
        rows_ok integer NOT NULL DEFAULT 0,
        rows_dup integer NOT NULL DEFAULT 0,
        rows_bad integer NOT NULL DEFAULT 0,
        started_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz,
        CONSTRAINT import_batches_file_key UNIQUE (format, file, sha256)
      );
    `);
    await queryRunner.query(activityDays);
    await queryRunner.query(systemCounters);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE import_batches, cache_outbox, idempotency_keys, system_counters, activity_days, events,
        tutor_messages, tutor_sessions, grade_changes, submissions, activities, enrollments, courses, users;
      DROP FUNCTION activity_days_from_events, activity_days_from_submissions, activity_days_from_sessions,
        activity_days_from_session_changes, activity_days_from_messages, session_minutes,
        system_counter_add, system_counters_from_rows, system_counters_from_users;
    `);
  }
}

// Days of activity are kept by the database itself, so that no path (API, batch, import, COPY) can forget them.
// Rows are upserted in key order: two statements that touch the same days cannot deadlock.
const upsertDays = `
  ON CONFLICT (user_id, course_id, day) DO UPDATE SET
    events = activity_days.events + excluded.events,
    quantity = activity_days.quantity + excluded.quantity,
    minutes = activity_days.minutes + excluded.minutes,
    first_at = least(activity_days.first_at, excluded.first_at),
    last_at = greatest(activity_days.last_at, excluded.last_at)`;

const activityDays = `
  CREATE FUNCTION session_minutes(started_at timestamptz, last_event_at timestamptz, ended_at timestamptz)
  RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT least(240, greatest(0, floor(extract(epoch FROM coalesce(ended_at, last_event_at) - started_at) / 60)))::integer
  $$;

  CREATE FUNCTION activity_days_from_events() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO activity_days (user_id, course_id, day, events, quantity, first_at, last_at)
    SELECT user_id, course_id, (occurred_at AT TIME ZONE 'UTC')::date, count(*), sum(quantity),
           min(occurred_at), max(occurred_at)
    FROM new_rows
    WHERE verb IN ('viewed', 'opened', 'attempted', 'submitted', 'passed', 'failed', 'asked', 'received_hint',
                   'completed', 'logged_in', 'logged_out')
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ${upsertDays};
    RETURN NULL;
  END $$;
  CREATE TRIGGER activity_days AFTER INSERT ON events REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION activity_days_from_events();

  CREATE FUNCTION activity_days_from_submissions() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO activity_days (user_id, course_id, day, first_at, last_at)
    SELECT s.user_id, a.course_id, (s.submitted_at AT TIME ZONE 'UTC')::date, min(s.submitted_at), max(s.submitted_at)
    FROM new_rows s JOIN activities a ON a.id = s.activity_id
    WHERE s.status <> 'banked'
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ${upsertDays};
    RETURN NULL;
  END $$;
  CREATE TRIGGER activity_days AFTER INSERT ON submissions REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION activity_days_from_submissions();

  CREATE FUNCTION activity_days_from_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO activity_days (user_id, course_id, day, minutes, first_at, last_at)
    SELECT user_id, course_id, (started_at AT TIME ZONE 'UTC')::date,
           sum(session_minutes(started_at, last_event_at, ended_at)), min(started_at), max(started_at)
    FROM new_rows
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ${upsertDays};
    RETURN NULL;
  END $$;
  CREATE TRIGGER activity_days AFTER INSERT ON tutor_sessions REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION activity_days_from_sessions();

  CREATE FUNCTION activity_days_from_session_changes() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO activity_days (user_id, course_id, day, minutes, first_at, last_at)
    SELECT n.user_id, n.course_id, (n.started_at AT TIME ZONE 'UTC')::date,
           sum(session_minutes(n.started_at, n.last_event_at, n.ended_at)
             - session_minutes(o.started_at, o.last_event_at, o.ended_at)),
           min(n.started_at), max(n.started_at)
    FROM new_rows n JOIN old_rows o ON o.id = n.id
    WHERE session_minutes(n.started_at, n.last_event_at, n.ended_at)
       <> session_minutes(o.started_at, o.last_event_at, o.ended_at)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ${upsertDays};
    RETURN NULL;
  END $$;
  CREATE TRIGGER activity_days_changes AFTER UPDATE ON tutor_sessions
    REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION activity_days_from_session_changes();

  CREATE FUNCTION activity_days_from_messages() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE tutor_sessions s SET
      message_count = s.message_count + m.messages,
      hint_count = s.hint_count + m.hints,
      last_event_at = greatest(s.last_event_at, m.last_at)
    FROM (SELECT session_id, count(*) AS messages, count(*) FILTER (WHERE kind = 'hint') AS hints, max(sent_at) AS last_at
          FROM new_rows GROUP BY session_id) m
    WHERE s.id = m.session_id;

    INSERT INTO activity_days (user_id, course_id, day, first_at, last_at)
    SELECT s.user_id, s.course_id, (m.sent_at AT TIME ZONE 'UTC')::date, min(m.sent_at), max(m.sent_at)
    FROM new_rows m JOIN tutor_sessions s ON s.id = m.session_id
    WHERE m.sender = 'student'
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ${upsertDays};
    RETURN NULL;
  END $$;
  CREATE TRIGGER activity_days AFTER INSERT ON tutor_messages REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION activity_days_from_messages();
`;

// count(*) over a million events costs tens of milliseconds. One row a connection slot instead of one row,
// so that concurrent writers do not wait for each other's commit.
const systemCounters = `
  CREATE FUNCTION system_counter_add(counter text, amount bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO system_counters (name, shard, value)
    SELECT counter, pg_backend_pid() % 16, amount WHERE amount <> 0
    ON CONFLICT (name, shard) DO UPDATE SET value = system_counters.value + excluded.value
  $$;

  CREATE FUNCTION system_counters_from_rows() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'INSERT' THEN
      PERFORM system_counter_add(TG_TABLE_NAME, (SELECT count(*) FROM new_rows));
    ELSE
      PERFORM system_counter_add(TG_TABLE_NAME, -(SELECT count(*) FROM old_rows));
    END IF;
    RETURN NULL;
  END $$;

  ${['courses', 'enrollments', 'submissions', 'tutor_sessions', 'events']
    .map(
      (table) => `
  CREATE TRIGGER system_counters_inserted AFTER INSERT ON ${table} REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION system_counters_from_rows();
  CREATE TRIGGER system_counters_deleted AFTER DELETE ON ${table} REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION system_counters_from_rows();`,
    )
    .join('\n')}

  CREATE FUNCTION system_counters_from_users() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE counted text;
  BEGIN
    FOREACH counted IN ARRAY ARRAY['student', 'teacher', 'admin'] LOOP
      IF TG_OP <> 'DELETE' THEN
        PERFORM system_counter_add('users:' || counted,
          (SELECT count(*) FROM new_rows WHERE role = counted AND deleted_at IS NULL));
      END IF;
      IF TG_OP <> 'INSERT' THEN
        PERFORM system_counter_add('users:' || counted,
          -(SELECT count(*) FROM old_rows WHERE role = counted AND deleted_at IS NULL));
      END IF;
    END LOOP;
    RETURN NULL;
  END $$;
  CREATE TRIGGER system_counters_inserted AFTER INSERT ON users REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION system_counters_from_users();
  CREATE TRIGGER system_counters_updated AFTER UPDATE ON users
    REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION system_counters_from_users();
  CREATE TRIGGER system_counters_deleted AFTER DELETE ON users REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION system_counters_from_users();
`;
