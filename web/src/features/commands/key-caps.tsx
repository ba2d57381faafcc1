import { type Keys, keyNames } from './keys.ts';

export function KeyCaps({ keys }: { keys: Keys }) {
  return (
    <span className="key-caps" dir="ltr">
      {keyNames(keys).map((name) => (
        <kbd key={name}>{name}</kbd>
      ))}
    </span>
  );
}
