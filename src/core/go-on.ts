import type { ModelInfo } from '../ports/inference.ts';
import { isConstrained, type ModelParams } from '../protocol/model-params.ts';
import type { Position } from '../protocol/position.ts';

/** Whether the model goes on behind words of that kind, and says none of them again. */
export function goesOnBehind(
  channel: 'text' | 'reasoning',
  { continues, continuesReasoning = false }: Pick<ModelInfo, 'continues' | 'continuesReasoning'>,
  params: ModelParams,
): boolean {
  return continues && (channel === 'text' || continuesReasoning) && !isConstrained(params);
}

/** Whether the model goes on behind what is written of an answer. Otherwise the answer begins again. */
export function canGoOn(
  model: Pick<ModelInfo, 'continues' | 'continuesReasoning'>,
  params: ModelParams,
  written: Position,
): boolean {
  if (written.text + written.reasoning === 0) return true;
  return goesOnBehind(written.text > 0 ? 'text' : 'reasoning', model, params);
}
