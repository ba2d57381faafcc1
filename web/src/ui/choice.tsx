import './choice.css';

type ChoiceProps<Value extends string> = {
  name: string;
  options: readonly [Value, string][];
  chosen: Value;
  onChoose(value: Value): void;
  note?: string;
  /** Beside the name. */
  aside?: string | undefined;
};

/** One of a few, side by side. */
export function Choice<Value extends string>({ name, options, chosen, onChoose, note, aside }: ChoiceProps<Value>) {
  return (
    <fieldset className="choice">
      <legend>
        {name}
        {aside && <span className="choice-aside">{aside}</span>}
      </legend>
      <div className="choice-options">
        {options.map(([value, label]) => (
          <label key={value}>
            <input type="radio" name={name} checked={value === chosen} onChange={() => onChoose(value)} />
            <span>{label}</span>
          </label>
        ))}
      </div>
      {note && <p className="choice-note">{note}</p>}
    </fieldset>
  );
}
