import type { LineView } from '../ports/waiting-line.ts';

/**
 * Seconds until whoever has so many others ahead in a lane begins: tokens that wait there, over tokens begun per
 * second. Null while no rate is known.
 */
export function predictWait({ meanTokens, tokensPerSecond }: LineView, ahead: number): number | null {
  if (!tokensPerSecond || meanTokens === null) return null;
  return ((ahead + 1) * meanTokens) / tokensPerSecond;
}
