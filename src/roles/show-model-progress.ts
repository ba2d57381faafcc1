import type { ModelProgress } from '../adapters/llama/model-progress.ts';
import { progressBar } from '../lib/progress-bar.ts';

const DOING: Record<ModelProgress['phase'], string> = {
  looking: 'looking for the model hub',
  downloading: 'downloading',
  verifying: 'checking',
  unpacking: 'unpacking',
  converting: 'converting to a faster form',
};

/** A line per step, and a bar for those with a size, on standard error. */
export function showModelProgress(): { show(progress: ModelProgress): void; end(): void } {
  let step = '';
  let bar: ReturnType<typeof progressBar> | null = null;
  const end = () => {
    bar?.end();
    bar = null;
  };
  return {
    show({ phase, detail, bytes, total }) {
      const label = `${detail}: ${DOING[phase]}`;
      if (label !== step) {
        end();
        step = label;
        if (bytes === undefined) process.stderr.write(`${label} …\n`);
      }
      if (bytes === undefined) return;
      bar ??= progressBar(label);
      bar.update({ bytes, total: total ?? null });
    },
    end,
  };
}
