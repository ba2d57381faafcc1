import { client } from './client.ts';
import { forgetKept } from './kept-chats.ts';

const OF_A_PERSON = /^chatterbot\.(draft|positions|side-by-side|open-folders)/;

/** Nothing of what somebody said or read stays in this browser. */
export async function forgetPerson(): Promise<void> {
  await forgetKept();
  for (const storage of [localStorage, sessionStorage]) {
    for (const key of Object.keys(storage)) if (OF_A_PERSON.test(key)) storage.removeItem(key);
  }
}

export async function signOut(): Promise<void> {
  await client.signOut();
  await forgetPerson();
  location.assign('/');
}
