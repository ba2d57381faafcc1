import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { LocalModelResource } from '../../../../src/protocol/model-admin.ts';
import { errorInWords } from '../../data/in-words.ts';
import { Button } from '../../ui/button.tsx';
import { DownloadProgress } from './download-progress.tsx';
import { followDownloads, isUnderWay, localModelsQuery, models, modelsChanged } from './model-admin.ts';
import { RemoveButton } from './remove-button.tsx';
import { sizeInWords } from './sizes.ts';
import { words } from './words.ts';

export function LocalModelRows() {
  const { data, error } = useQuery(localModelsQuery);
  useEffect(() => void followDownloads(), []);
  return (
    <section aria-labelledby="models-local">
      <h3 id="models-local">{words.onThisMachine}</h3>
      {error && <p className="models-bad">{errorInWords(error)}</p>}
      <ul className="models-list">
        {data?.items.map((model) => (
          <LocalModelRow key={model.name} model={model} memory={data.machine.memory_bytes} />
        ))}
      </ul>
      {data && <p className="models-faint">{words.freeDisk({ size: sizeInWords(data.machine.free_disk_bytes) })}</p>}
    </section>
  );
}

function LocalModelRow({ model, memory }: { model: LocalModelResource; memory: number }) {
  const [wrong, setWrong] = useState<string | null>(null);
  const run = async (act: () => Promise<unknown>): Promise<void> => {
    setWrong(null);
    await act().catch((error: unknown) => setWrong(errorInWords(error)));
    await modelsChanged();
    void followDownloads();
  };
  const needs = words.memory({ size: sizeInWords(model.memory_bytes) });
  const facts = [
    sizeInWords(model.file_bytes),
    model.licence,
    model.memory_bytes > memory ? `${needs}, ${words.tooMuchMemory}` : needs,
  ];
  const why = wrong ?? model.failure?.message;
  return (
    <li className="models-row models-local">
      <div className="models-what">
        <strong>{model.title}</strong>
        <p className="models-facts">{facts.join(' · ')}</p>
        <p className="models-names">{model.description}</p>
        {isUnderWay(model) && <DownloadProgress model={model} />}
        {model.state === 'partial' && model.received && (
          <p className="models-facts">{words.partial({ size: sizeInWords(model.received.bytes) })}</p>
        )}
        {why && (
          <p className="models-bad" role="alert">
            {why}
          </p>
        )}
      </div>
      <Act model={model} run={run} />
    </li>
  );
}

function Act({ model, run }: { model: LocalModelResource; run(act: () => Promise<unknown>): Promise<void> }) {
  const { name, title, state } = model;
  switch (state) {
    case 'in-use':
      return <span className="models-state">{words.inUse}</span>;
    case 'ready':
      return (
        <>
          <span className="models-state">{words.ready}</span>
          <RemoveButton what={title} onRemove={() => run(() => models.removeLocalModel(name))} />
        </>
      );
    case 'downloading':
    case 'checking':
      return (
        <Button aria-label={words.stopOf({ model: title })} onClick={() => void run(() => models.stopDownload(name))}>
          {words.stop}
        </Button>
      );
    case 'partial':
      return (
        <>
          <Button aria-label={words.goOnWith({ model: title })} onClick={() => void run(() => models.download(name))}>
            {words.goOn}
          </Button>
          <RemoveButton what={title} onRemove={() => run(() => models.removeLocalModel(name))} />
        </>
      );
    case 'absent':
      return (
        <Button aria-label={words.downloadOf({ model: title })} onClick={() => void run(() => models.download(name))}>
          {words.download}
        </Button>
      );
  }
}
