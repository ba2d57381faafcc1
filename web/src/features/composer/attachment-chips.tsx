import { Icon } from '../../ui/icon.tsx';
import { type Attachment, sizeInWords } from './attachments.ts';
import { words } from './words.ts';

type AttachmentChipsProps = { attachments: readonly Attachment[]; onRemove(index: number): void };

export function AttachmentChips({ attachments, onRemove }: AttachmentChipsProps) {
  if (attachments.length === 0) return null;
  return (
    <ul className="chips" aria-label={words.attached}>
      {attachments.map((attachment, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two may have the same name.
        <li key={index} className="chip">
          <Icon name="file" />
          <span className="chip-name" title={attachment.name}>
            {attachment.name}
          </span>
          <span className="chip-size">{sizeInWords(attachment)}</span>
          <button type="button" aria-label={words.remove({ file: attachment.name })} onClick={() => onRemove(index)}>
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}
