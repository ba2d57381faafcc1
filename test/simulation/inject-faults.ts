import { moveUsers } from './move-users.ts';
import type { World } from './world.ts';

type Fault = (world: World) => void;

/** One fault after another, sometimes on top of each other, until `until`; everything is well again after. */
export function injectFaults(world: World, until: number): void {
  const { scheduler } = world;
  world.hadFaults = true;
  world.inferenceFaults.breaks = scheduler.random() < 0.5 ? 0.05 : 0;
  world.inferenceFaults.continues = scheduler.random() < 0.7;
  world.letters.isDown = scheduler.random() < 0.25;
  const faults = Object.entries({
    ...PROCESSES,
    ...BROKER,
    ...logFaults(world, until),
    ...BESIDE,
    ...DATABASES,
    ...MODEL,
  });
  for (let at = 500; at < until; at += scheduler.between(150, 900)) {
    scheduler.after(at, () => {
      const [name, begin] = scheduler.pick(faults);
      world.count(name);
      begin(world);
    });
  }
  for (let mover = 0; mover < 2; mover++) void moveUsers(world, until);
  scheduler.after(until, () => {
    world.inferenceFaults.breaks = 0;
    world.letters.isDown = false;
  });
}

function forAWhile({ scheduler }: World, least: number, most: number, begin: () => void, end: () => void): void {
  begin();
  scheduler.after(scheduler.between(least, most), end);
}

/** A number of `target` is raised for a while; two at once end with the first. */
function raised<K extends string>(world: World, target: Record<K, number>, key: K, to: number, mostMs: number): void {
  forAWhile(
    world,
    200,
    mostMs,
    () => {
      target[key] = to;
    },
    () => {
      target[key] = 0;
    },
  );
}

const killAnyWorker: Fault = (world) => world.killWorker(world.scheduler.between(0, world.workers.length - 1));

const PROCESSES: Record<string, Fault> = {
  'worker killed': killAnyWorker,
  'worker killed again': killAnyWorker,
  'worker told to leave': (world) => world.drainWorker(world.scheduler.between(0, world.workers.length - 1)),
  'api killed': (world) => world.killApi(world.scheduler.between(0, world.apis.length - 1)),
  'worker paused past its lease': (world) =>
    world.scheduler.pick(world.workers).process.pause(world.leaseMs + world.scheduler.between(500, 6_000)),
  'api paused': (world) => world.scheduler.pick(world.apis).process.pause(world.scheduler.between(100, 4_000)),
};

const BROKER: Record<string, Fault> = {
  'broker away': (world) =>
    forAWhile(
      world,
      300,
      2_000,
      () => world.broker.down(true),
      () => world.broker.down(false),
    ),
  'broker restarted': ({ broker }) => {
    broker.down(true);
    broker.down(false);
  },
  'broker emptied': ({ broker }) => broker.queue.loseAll(),
  'confirms lost': (world) => raised(world, world.broker.faults, 'losesConfirms', 0.7, 3_000),
  'confirms late': (world) => raised(world, world.broker.faults, 'confirmsLate', 0.8, 5_000),
  'publishes refused': (world) => raised(world, world.broker.faults, 'refuses', 0.7, 2_000),
  'jobs doubled': (world) => raised(world, world.broker.faults, 'doubles', 0.7, 5_000),
};

/** A failover to a late replica needs something to fall back to, kept now and then. */
function logFaults(world: World, until: number): Record<string, Fault> {
  const { scheduler, logNodes } = world;
  const checkpoints = logNodes.map(({ store }) => store.checkpoint());
  const keepCheckpoint = () => {
    const node = scheduler.between(0, logNodes.length - 1);
    checkpoints[node] = logNodes[node]!.store.checkpoint();
    if (scheduler.now < until) scheduler.after(scheduler.between(20, 300), keepCheckpoint);
  };
  keepCheckpoint();
  const any = () => scheduler.pick(logNodes);
  const failOver = (lose: (node: number) => void) => {
    const node = scheduler.between(0, logNodes.length - 1);
    const { store } = logNodes[node]!;
    lose(node);
    forAWhile(
      world,
      50,
      150,
      () => store.dropFrames(true),
      () => {
        store.dropFrames(false);
        store.tellGap();
      },
    );
    if (scheduler.random() < 0.5) store.forgetFollowers();
  };
  return {
    'log node failed over, its tail lost': () => failOver((node) => checkpoints[node]!()),
    'log node failed over, its tail lost again': () => failOver((node) => checkpoints[node]!()),
    'log node lost everything': () => failOver((node) => logNodes[node]!.store.loseAll()),
    'log tails lost, nobody told': () => checkpoints[scheduler.between(0, logNodes.length - 1)]!(),
    'log node away': () => {
      const node = any();
      forAWhile(
        world,
        100,
        2_500,
        () => {
          node.isDown = true;
        },
        () => {
          node.isDown = false;
        },
      );
    },
    'all log nodes away': () =>
      forAWhile(
        world,
        100,
        1_500,
        () => {
          for (const node of logNodes) node.isDown = true;
        },
        () => {
          for (const node of logNodes) node.isDown = false;
        },
      ),
    'log node slow': () => {
      const node = any();
      raised(world, node as { slowMs: number }, 'slowMs', scheduler.between(50, 1_400), 3_000);
    },
    'frames lost': () => {
      const { store } = any();
      forAWhile(
        world,
        20,
        120,
        () => store.dropFrames(true),
        () => store.dropFrames(false),
      );
    },
    'routes of followers lost': () => any().store.forgetFollowers(),
  };
}

const BESIDE: Record<string, Fault> = {
  'letters lost': (world) => raised(world, world.letters, 'lost', 0.9, 8_000),
  'routes of generations lost': (world) => world.loseRoutes(),
  'contexts lost': (world) => world.loseCache(),
  'tickets lost': (world) => world.loseLine(),
  'tickets away': ({ line, ...world }) =>
    forAWhile(
      world as World,
      100,
      2_000,
      () => {
        line.isDown = true;
      },
      () => {
        line.isDown = false;
      },
    ),
};

function takeDown(world: World, shards: World['shards'], mostMs: number): void {
  forAWhile(
    world,
    100,
    mostMs,
    () => {
      for (const shard of shards) shard.downSince ??= world.scheduler.now;
    },
    () => {
      for (const shard of shards) {
        shard.downSince = null;
        shard.restart(world.scheduler.between(30, 800));
      }
    },
  );
}

const DATABASES: Record<string, Fault> = {
  'shard restarted': (world) => world.scheduler.pick(world.shards).restart(world.scheduler.between(30, 800)),
  'shard away': (world) => takeDown(world, [world.scheduler.pick(world.shards)], 5_000),
  'shard away again': (world) => takeDown(world, [world.scheduler.pick(world.shards)], 1_500),
  'all shards away': (world) => takeDown(world, world.shards, 1_500),
  'answers of a shard lost': (world) =>
    raised(world, world.scheduler.pick(world.shards) as { losesReplies: number }, 'losesReplies', 0.2, 2_000),
  'directory away': (world) =>
    forAWhile(
      world,
      100,
      4_000,
      () => {
        world.directory.isDown = true;
        world.directory.locks.clear();
      },
      () => {
        world.directory.isDown = false;
      },
    ),
};

const MODEL: Record<string, Fault> = {
  'model away': (world) =>
    forAWhile(
      world,
      100,
      2_000,
      () => {
        world.inferenceFaults.down = true;
      },
      () => {
        world.inferenceFaults.down = false;
      },
    ),
};
