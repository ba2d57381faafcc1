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
  pageFailed: 'This page could not be shown',
  pageFailedWhat: 'A part of it failed, or is of an older version. Nothing that was said is lost.',
  reload: 'Reload',
  rename: 'Rename',
  sentences: '{first} {second}',
  tryAgain: 'Try again',
  undo: 'Undo',
});
