import type { UserApi } from '../../../client/user-api.ts';
import { closeToast, showToast } from '../ui/toasts.tsx';
import { common } from '../ui/words.ts';
import { type ItemOf, putItem, removeItem } from './items.ts';
import { words } from './words.ts';

/** Gone at once; for a while it can be put back as it was. */
export function removeWithUndo(user: UserApi, item: ItemOf<'assistant'> | ItemOf<'prompt'>): void {
  const { id, updated_at: _, ...value } = item;
  const removing = removeItem(user, id);
  const toast = showToast({
    text: words.deleted({ title: item.name }),
    action: {
      label: common.undo,
      run() {
        closeToast(toast);
        void removing.then((gone) => gone && putItem(user, id, value));
      },
    },
  });
}
