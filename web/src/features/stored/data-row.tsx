import type { ReactNode } from 'react';

type DataRowProps = { name: string; size?: string; notes?: readonly (string | false)[]; children: ReactNode };

export function DataRow({ name, size, notes = [], children }: DataRowProps) {
  const said = notes.filter((note) => note !== false);
  return (
    <div>
      <dt>
        {name}
        {said.length > 0 && <small>{said.join(' · ')}</small>}
      </dt>
      <dd>
        {size !== undefined && <small>{size}</small>}
        {children}
      </dd>
    </div>
  );
}
