import { isChatGpt, planChatGpt } from './chatgpt.ts';
import { isOpenWebUi, planOpenWebUi } from './open-webui.ts';
import { isOwnExport, planOwnExport } from './own-export.ts';
import type { ImportPlan } from './plan.ts';

/** What would come of a file; null where it is no export that is known. */
export function planOf(file: unknown): ImportPlan | null {
  if (isChatGpt(file)) return planChatGpt(file);
  if (isOwnExport(file)) return planOwnExport(file);
  return isOpenWebUi(file) ? planOpenWebUi(file) : null;
}
