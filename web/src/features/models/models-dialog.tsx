import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { common } from '../../ui/words.ts';
import { EndpointForm } from './endpoint-form.tsx';
import { EndpointRows } from './endpoint-rows.tsx';
import { LocalModelRows } from './local-model-rows.tsx';
import { words } from './words.ts';
import './models.css';

/** Servers whose models can be asked, and models that run on this machine. */
export default function ModelsDialog({ onClose }: { onClose(): void }) {
  return (
    <Dialog label={words.models} className="models-dialog" onClose={onClose}>
      <h2 className="dialog-title">{words.models}</h2>
      <LocalModelRows />
      <EndpointRows />
      <EndpointForm />
      <div className="dialog-actions">
        <Button tone="primary" onClick={onClose}>
          {common.done}
        </Button>
      </div>
    </Dialog>
  );
}
