import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Each project is a kind of test; what needs servers starts them itself in temporary folders. */
const project = (name: string, include: string[], seconds: number, more: object = {}) => ({
  test: {
    name,
    include,
    exclude: [],
    testTimeout: seconds * 1000,
    hookTimeout: 120_000,
    pool: 'forks' as const,
    ...more,
  },
});

/** What stands on Redis, RabbitMQ, NGINX and several PostgreSQL servers. */
const SERVICES = [
  'test/contracts/{redis,rabbitmq}-*.test.ts',
  'test/contracts/sharded-store.test.ts',
  'test/contracts/sharding/**/*.test.ts',
  'test/e2e/cluster*.test.ts',
];

/** Of the page, in any look. */
const JOURNEYS = ['answers', 'appearance', 'long-chat', 'safety', 'side-by-side'].map(
  (name) => `test/page/${name}.test.ts`,
);

/** What starts a whole cluster takes longest: first, so that nobody waits for it in the end. */
class ClustersFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const startsCluster = ({ moduleId }: TestSpecification) => Number(/\/cluster[^/]*\.test\.ts$/.test(moduleId));
    return (await super.sort(files)).toSorted((a, b) => startsCluster(b) - startsCluster(a));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: ClustersFirst },
    projects: [
      project(
        'unit',
        [
          'src/**/*.test.ts',
          'client/**/*.test.ts',
          'web/**/*.test.ts',
          'scripts/**/*.test.ts',
          'test/unit/**/*.test.ts',
        ],
        30,
      ),
      project('contracts', ['test/contracts/**/*.test.ts'], 60, { exclude: SERVICES }),
      project('simulation', ['test/simulation/**/*.test.ts'], 300),
      project('e2e', ['test/e2e/**/*.test.ts'], 120, { exclude: SERVICES }),
      project('faults', ['test/faults/**/*.test.ts'], 180),
      project('bench', ['test/bench/**/*.test.ts'], 400),
      project('page', ['test/page/**/*.test.ts'], 120),
      // `npm run test:page`: every screen in every look, and the journeys that need no sidebar in the other three.
      project('page-whole', ['test/page/**/*.test.ts'], 240, { env: { PAGE_MATRIX: 'whole' } }),
      ...['dark', 'phone', 'phone-dark'].map((look) =>
        project(`page-${look}`, JOURNEYS, 180, { env: { PAGE_LOOK: look } }),
      ),
      project('services', SERVICES, 180),
      project('ha', ['test/ha/**/*.test.ts'], 180),
      // One Ray cluster for all of them.
      project('ray', ['test/ray/**/*.test.ts'], 180, { globalSetup: 'test/ray/support/global-setup.ts' }),
    ],
  },
});
