import type { ModelInfo } from '../ports/inference.ts';
import type { Usage } from '../protocol/generation.ts';

const MILLION = 1_000_000;
/** Finer than any price list; so that sums are not told with the noise of binary fractions. */
const DECIMALS = 9;

/** Undefined where the model has no price. What was found in memory is charged by its own price. */
export function priceAnswer(model: ModelInfo | undefined, usage: Usage): number | undefined {
  const price = model?.price;
  if (!price) return undefined;
  const read = Math.max(0, usage.promptTokens - usage.reusedTokens);
  const cost = read * price.prompt + usage.reusedTokens * price.cached + usage.completionTokens * price.completion;
  return Number((cost / MILLION).toFixed(DECIMALS));
}
