import { useQuery } from '@tanstack/react-query';
import type { EndpointResource } from '../../../../src/protocol/model-admin.ts';
import { errorInWords } from '../../data/in-words.ts';
import { showToast } from '../../ui/toasts.tsx';
import { endpointsQuery, models, modelsChanged } from './model-admin.ts';
import { RemoveButton } from './remove-button.tsx';
import { words } from './words.ts';

export function EndpointRows() {
  const { data = [] } = useQuery(endpointsQuery);
  if (data.length === 0) return null;
  return (
    <section aria-labelledby="models-servers">
      <h3 id="models-servers">{words.servers}</h3>
      <ul className="models-list">
        {data.map((endpoint) => (
          <EndpointRow key={endpoint.id} endpoint={endpoint} />
        ))}
      </ul>
    </section>
  );
}

function EndpointRow({ endpoint }: { endpoint: EndpointResource }) {
  const { host } = new URL(endpoint.address);
  async function remove(): Promise<void> {
    try {
      await models.removeEndpoint(endpoint.id);
    } catch (error) {
      showToast({ text: words.notTaken({ why: errorInWords(error) }) });
    }
    await modelsChanged();
  }
  return (
    <li className="models-row">
      <div className="models-what">
        <strong dir="ltr">{host}</strong>
        <p className="models-names">{endpoint.models.map(({ id }) => id).join(', ')}</p>
        {endpoint.state === 'down' && <p className="models-bad">{words.away({ why: endpoint.detail ?? '' })}</p>}
      </div>
      <RemoveButton what={host} onRemove={remove} />
    </li>
  );
}
