import { catalogue } from '../words/words.ts';

/** What buttons say all over the page. */
export const common = catalogue('common', {
  cancel: 'Cancel',
  copied: 'Copied',
  copy: 'Copy',
  conversations: 'Conversations',
  delete: 'Delete',
  done: 'Done',
  download: 'Download',
  newChat: 'New chat',
  notCopied: 'It could not be copied.',
  notices: 'Notices',
  notSent: 'Not sent. {why}',
  rename: 'Rename',
  sentences: '{first} {second}',
  tryAgain: 'Try again',
  undo: 'Undo',
});
